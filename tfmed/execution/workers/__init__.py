"""The engines on Dask: worker processes of this machine, and clusters that run already."""
