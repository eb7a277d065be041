"""The command line: one file per subcommand, shared options and types, one place where errors become exit codes.

Only this package knows click. Command files import click and the shared options at the top and everything heavy in
their bodies, so that ``nntf --help`` answers at once.
"""
