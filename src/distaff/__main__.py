"""`python -m distaff` is the command `distaff`."""

import sys

from distaff.cli import main

sys.exit(main())
