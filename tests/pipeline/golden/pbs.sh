#!/usr/bin/env bash

#PBS -N dask-worker
#PBS -q cpu
#PBS -l select=1:ncpus=16:mem=60GB
#PBS -l walltime=04:00:00
#PBS -A account

python -m distributed.cli.dask_worker ADDRESS --name dummy-name --nthreads 16 --memory-limit 59.60GiB --nanny --death-timeout 60 --resources train=1
