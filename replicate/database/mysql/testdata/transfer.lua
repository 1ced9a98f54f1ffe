-- Each event moves an amount from a row of the first table to one of the last, in one transaction.
function thread_init()
  con = sysbench.sql.driver():connect()
end

function event()
  local amount = sysbench.rand.uniform(1, 100)
  con:query("BEGIN")
  con:query(string.format("UPDATE sbtest1 SET k = k - %d WHERE id = %d", amount, sysbench.rand.uniform(1, 20000)))
  con:query(string.format("UPDATE sbtest3 SET k = k + %d WHERE id = %d", amount, sysbench.rand.uniform(1, 20000)))
  con:query("COMMIT")
end

function thread_done()
  con:disconnect()
end
