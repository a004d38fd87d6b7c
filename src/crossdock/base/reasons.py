"""Public reason codes: why an event did not go on. Segment's names wherever one exists;
ours are marked. Text and remedy are what people read."""

from typing import Final, NamedTuple


class Reason(NamedTuple):
    """`stage` is one of ingest, source, destination, delivery."""

    code: str
    stage: str
    text: str
    remedy: str


_INGEST = "ingest"
_SOURCE = "source"
_DESTINATION = "destination"
_DELIVERY = "delivery"

REASONS: Final[dict[str, Reason]] = {
    reason.code: reason
    for reason in (
        Reason("source_disabled", _INGEST, "The source is disabled.", "Enable the source."),
        Reason("unknown_source", _INGEST, "No source has this write key.", "Check the write key."),
        Reason("bad_request", _INGEST, "The event cannot be decoded.", "Send valid JSON."),
        Reason(
            "payload_too_large",  # ours: Segment documents no code for it
            _INGEST,
            "The event is larger than 32 KB.",
            "Send less in one event.",
        ),
        Reason(
            "too_many_events",  # ours
            _INGEST,
            "The batch holds more than 2,500 events; those beyond were not taken.",
            "Send smaller batches.",
        ),
        Reason("too_deep", _INGEST, "The event is nested too deeply.", "Flatten it."),  # ours
        Reason("empty_batch", _INGEST, "The batch holds no events.", "Send events."),
        Reason(
            "message_id_too_long",  # ours
            _INGEST,
            "messageId is longer than 100 characters.",
            "Use a UUID.",
        ),
        Reason("type_unknown", _INGEST, "`type` is none of the calls.", "See the spec."),  # ours
        Reason(
            "no_user_anon_id",
            _INGEST,
            "Neither userId nor anonymousId is set.",
            "Set one of them.",
        ),
        Reason("event_not_defined", _INGEST, "A track call has no event.", "Name the event."),
        Reason("event_not_string", _INGEST, "`event` is not a string.", "Send a string."),
        Reason("properties_not_object", _INGEST, "`properties` is not an object.", "Send one."),
        Reason("traits_not_object", _INGEST, "`traits` is not an object.", "Send one."),
        Reason("context_not_object", _INGEST, "`context` is not an object.", "Send one."),  # ours
        Reason(
            "integrations_not_object",  # ours
            _INGEST,
            "`integrations` is not an object.",
            "Send one.",
        ),
        Reason("name_not_string", _INGEST, "`name` is not a non-empty string.", "Send one."),
        Reason("category_not_string", _INGEST, "`category` is not a string.", "Send one."),
        Reason("id_required", _INGEST, "groupId (group) or userId (alias) is missing.", "Set it."),
        Reason("id_not_string", _INGEST, "An id is not a string.", "Send a string."),
        Reason("internal", _INGEST, "Crossdock failed on the event.", "Report it."),
        Reason("duplicate", _SOURCE, "This messageId was accepted before.", "Nothing to do."),
        Reason("suppressed", _SOURCE, "The user is suppressed.", "Nothing to do."),
        Reason("event_setting", _SOURCE, "Blocked by the source's schema.", "Allow the event."),
        Reason("delivered", _DELIVERY, "The destination took it.", ""),
        Reason(
            "FILTERED_BY_INTEGRATIONS_OBJECT",
            _DESTINATION,
            "The event's integrations object excludes this destination.",
            "Change the call.",
        ),
        Reason(
            "MESSAGE_SENT_CLIENT_SIDE",
            _DESTINATION,
            "The browser delivered it itself (device mode).",
            "Nothing to do.",
        ),
        Reason(
            "FILTERED_BY_RULES",
            _DESTINATION,
            "A filter of the destination dropped it.",
            "Change the filter, if that is not meant.",
        ),
        Reason(
            "NO_MATCHING_MAPPING",
            _DESTINATION,
            "No enabled mapping's trigger matches it.",
            "Add a mapping, or change a trigger.",
        ),
        Reason(
            "FILTERED_AT_MAPPING",
            _DESTINATION,
            "The mapping's action had no use for it.",
            "Nothing to do.",
        ),
        Reason(
            "too_many_hops",  # ours
            _DESTINATION,
            "Crossdock workspaces have sent it on as often as the destination allows.",
            "Look for a loop; raise hops_max if there is none.",
        ),
        Reason(
            "UNSUPPORTED_EVENT_TYPE",
            _DESTINATION,
            "The destination does not take this type of call.",
            "Nothing to do.",
        ),
        Reason(
            "destination_disabled",  # ours
            _DESTINATION,
            "The destination was disabled when the event came by.",
            "Enable it and replay.",
        ),
        Reason(
            "destination_deleted",  # ours
            _DESTINATION,
            "The destination was deleted before the event was sent.",
            "Nothing to do.",
        ),
        Reason("INVALID_SETTINGS", _DELIVERY, "The settings are wrong.", "Correct the settings."),
        Reason("MESSAGE_REJECTED", _DELIVERY, "The destination refused it.", "See its response."),
        Reason("RETRY", _DELIVERY, "It failed for now and is retried.", "Wait."),
        Reason("ETIMEDOUT", _DELIVERY, "No answer in time.", "Check the destination."),
        Reason("ECONNREFUSED", _DELIVERY, "Connection refused.", "Check the destination."),
        Reason("ECONNRESET", _DELIVERY, "Connection cut.", "Check the destination."),
        Reason("ENOTFOUND", _DELIVERY, "The host name does not resolve.", "Check the URL."),
        Reason(
            "address_refused",  # ours
            _DELIVERY,
            "The URL leads to a private address.",
            "Add it to allowed_addresses, if that is meant.",
        ),
        Reason("INTERNAL", _DELIVERY, "Crossdock failed.", "Report it."),
        Reason(
            "expired_by_retention",  # ours
            _DELIVERY,
            "Retention dropped it before it was delivered.",
            "Raise log_bytes_max or log_retention_h.",
        ),
        Reason(
            "retries_exhausted",  # ours
            _DELIVERY,
            "It failed for longer than retry_s_max.",
            "Check the destination, then send it again.",
        ),
    )
}
"""HTTP refusals use the status itself as code (`400`, `401`, `404`, `429`, `503`...)."""
