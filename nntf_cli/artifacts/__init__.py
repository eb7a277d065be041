"""What nntf writes and reads back: matrices (NPY, CSV, NPZ, HDF5), flows, tables (text, CSV, Markdown, TeX, JSON).

Everything here turns data into bytes or bytes into data; which file, and whether it may be replaced, is decided by
the caller and :mod:`nntf_cli.files.atomic`.
"""
