"""The actions runtime: Segment's cloud destinations, run in Node side processes.

The door:

    pool = ActionsPool.of(settings, clock)      # pool.py; starts nothing until asked
    found = await pool.deliver(
        "actions-mixpanel", "trackEvent",       # destination and action, by slug
        settings, mapping, events,              # opened settings; events as JSON bytes
        auth=Auth(access_token=..., refresh_token=..., client_id=..., client_secret=...),
        scope=destination_id, deadline_s=10.0,
    )
    found.answers[i]        # of events[i]: delivered, skipped, retry, invalid_auth, discard
    found.tokens            # not None: the access token was refreshed; store it
    found.state             # what the destination wants back with its next calls: `state=`
    found.exchanges         # requests and answers, cut, secrets taken out

    await pool.preview(...)                     # what would be mapped and sent; nothing is
    await pool.test_auth(...), pool.control("dynamic_field", ...)
    await pool.close()

Filters and triggers are the caller's: every event that is passed is sent. `scope` names the
connected destination whose memory and tokens these are; all its calls go to one process. Events of
one call may be sent in any order; whoever needs an order makes one call after the other.

`manifest` says what can be connected (cards, actions, fields, presets), `owned` what we know of it
besides (categories, our presets, OAuth addresses). docs/specs/actions-runtime.md is the contract.
"""
