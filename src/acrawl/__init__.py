"""acrawl: an asyncio distributed crawler framework."""
