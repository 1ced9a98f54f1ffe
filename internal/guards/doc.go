// Package guards knows what in the program keeps each promise, and what goes red without it: a list of lines that can be taken
// out, each with the scenarios that notice. A scenario that stays green without its guard proves nothing.
//
// The list is in files, one for each part of the house:
//
//	guard: What is heard while the standby is cut off counts for nothing.
//	file: monitor/decide.go
//	-	if s.isolated {
//	+	if false {
//	red: monitor TestScenarios/isolated
//
// Lines that begin with a minus are what is there, those with a plus what is put in their place, which may be nothing. What is
// there stands once in the file, so that nobody has to say which line is meant. A guard has several such changes where one alone
// would not compile; a line that begins with # is a remark.
package guards
