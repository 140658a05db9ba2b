"""The words of the field as plain values: nothing here reads, writes, or knows a vendor."""
