"""One module for each engine, all with the same face (contract.py) and the same test suite."""
