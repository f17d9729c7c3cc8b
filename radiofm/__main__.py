"""`python -m radiofm` is `radiofm`."""

from radiofm.cli import main

main()
