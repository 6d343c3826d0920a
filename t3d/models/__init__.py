"""Networks, losses and training. Needs torch, never Open3D or Dask."""
