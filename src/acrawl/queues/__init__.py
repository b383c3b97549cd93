"""The manager-served queues between the master and its workers."""
