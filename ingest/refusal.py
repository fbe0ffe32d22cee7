class Refusal(Exception):  # noqa: N818 - a refusal is kept and shown; it is no failure of ours
    """Why a record can't be read as an event; it goes to quarantine with its raw text.

    Attributes:
        reason: a word of the fixed vocabulary that the quarantine is grouped by.
        detail: what was found, and where, for the sender.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
