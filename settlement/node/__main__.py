"""`python -m settlement.node --data DIR`."""

from settlement.node.process import main

raise SystemExit(main())
