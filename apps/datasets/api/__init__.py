"""The data side over HTTP: parse, call an action, render. One module per page package's."""
