#!/usr/bin/env bash

#SBATCH -J dask-worker
#SBATCH -p cpu
#SBATCH -n 1
#SBATCH --cpus-per-task=16
#SBATCH --mem=60G
#SBATCH -t 04:00:00
#SBATCH -A account

python -m distributed.cli.dask_worker ADDRESS --name dummy-name --nthreads 16 --memory-limit 59.60GiB --nanny --death-timeout 60 --resources train=1
