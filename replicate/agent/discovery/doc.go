// Package discovery tells what there is on a primary, so that nobody has to type it: its name and addresses, the
// database servers that listen, SQLite databases, and the directories that the agent may hand out.
//
// It looks and changes nothing: it knows no password, follows no link, leaves shares alone, and asks a database server
// only what any stranger may ask (postgres.go, mysql.go, sqlserver.go). Each question has its time and its bounds; what
// could not be learnt is told with the reason, beside what could (find.go). The answer travels as one JSON document
// (exchange.go).
package discovery
