"""``python -m nntf_cli``: the same as the console script ``nntf``."""

from nntf_cli.cli.main import main

if __name__ == "__main__":
    main()
