"""Schemes compared: one net, one budget, chosen schemes and seeds. Open ``plan.py`` first, then ``runner.py``."""
