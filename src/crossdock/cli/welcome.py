"""What `serve` tells people at its start: how the first owner gets in, what the demo shows."""


def owner_text(link: str) -> str:
    """Shown at each start until somebody used one."""
    return f"""
Nobody owns this installation yet. Open this link to make your account (once, within 24 hours;
`crossdock owner link` makes another):
  {link}"""


def demo_text(data: str) -> str:
    """Commands that show the sample shop's events on their way."""
    return f"""
A sample shop sends events to itself. In another terminal, look at them:
  crossdock ledger --data {data}
  crossdock trace MESSAGE_ID --data {data}       (ids stand in {data}/demo/received.jsonl)
  crossdock warehouse sync demo --data {data}
  crossdock warehouse history demo --data {data}
  crossdock doctor --data {data}
Ctrl-C stops it; the data stays."""
