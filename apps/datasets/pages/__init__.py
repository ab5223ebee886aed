"""The data side's pages: parse, call an action, render. One module per place in a dataset."""
