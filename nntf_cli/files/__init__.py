"""Files as such: HDF5 and NPZ read with care, and files written whole or not at all."""
