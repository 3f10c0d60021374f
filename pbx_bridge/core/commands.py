"""What people may ask of the exchange, whatever device they ask from.

`handle` is the only way to change anything: it returns the events to be journaled, or a
`Refusal` that names the policy clause and a sentence that can be spoken.
"""
