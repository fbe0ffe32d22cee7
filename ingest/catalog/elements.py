"""The elements and columns of events that need no entry in metering_elements.csv."""

TRANSACTIONS = "transactions"
TOTAL_COST = "totalCost"
AI_NUMBERS = (
    "inputTokenCount",
    "outputTokenCount",
    "totalTokenCount",
    "cacheReadTokenCount",
    "cacheCreationTokenCount",
    "reasoningTokenCount",
    "requestDuration",
    "timeToFirstToken",
)
"""What events of AI sources carry, as numbers."""

BUILT_IN_ELEMENTS = (TRANSACTIONS, TOTAL_COST, *AI_NUMBERS)
"""Elements that every product may price."""

SOURCE = "source"
AI_TEXTS = ("provider", "model")
FILTER_COLUMNS = (SOURCE, *AI_TEXTS)
"""What every metric may be filtered by, beside metering elements."""
