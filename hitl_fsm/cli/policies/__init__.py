"""The policy workbench: check, test, explain, compare, describe."""
