"""Process-wide registries that app scripts register things in."""

DOC_BY_USER = {}  # 02
STICKY = {}  # 32
VISITORS = []  # whatever an app wants to remember of its visitors
FIGURES = []
