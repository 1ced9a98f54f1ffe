# After these steps TestPlantedForReal spoils something, or puts it right again.
+4s pass pbx
+2s pass pbx
+5s crash pbx
+4s rest
+3s pass pbx
+0s pass pbx
+4s pass pbx
+0s home pbx
