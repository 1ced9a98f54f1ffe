# Most of what can happen, once: about half a minute.
+0s suspend crm
+300ms crash pbx
+300ms unconfirmed failover crm
+500ms kill mail
+1500ms rest
+0s kill daemon
+500ms start daemon
+1s remove address
+500ms start mail
+0s resume crm
+1s kill standin
+2s home pbx
+2500ms kill daemon
+300ms start daemon
+3s rest
+0s filter pbx
+2s pass pbx
+0s from-live pbx
+500ms reload
+1s drill pbx
+1s rest
# Repaired for a failback, and then released without one: pbx is on, and without its address.
+0s crash pbx
+3s revive pbx
+500ms release pbx
