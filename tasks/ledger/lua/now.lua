-- The ledger's clock.
-- args: none
-- returns: ms since the epoch.
return ms(NOW)
