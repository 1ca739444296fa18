-- The ledger's clock.
-- gives: ms since the epoch.
return ms(NOW)
