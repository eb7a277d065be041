"""The compiled loops: plain arrays in, plain arrays out. Callers validate and allocate, kernels only loop."""
