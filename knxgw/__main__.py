"""Lets `python -m knxgw` do what `knxgw` does."""

from knxgw.cli import main

main(prog_name="knxgw")
