// Package shelf is a database.Shelf whose directory is on a primary and is reached through its agent: a database server
// there leaves its backup files in it and finds them again.
//
// Remote (remote.go) is the standby's half, Serve (serve.go) the agent's. A stream serves one order:
//
//	standby                          agent
//	ask  {order, file, …} ────────►
//	     ◄──────────────────────────  answer {…}, or refuse {code, text}, which ends every conversation
//
//	fetch: answer {size, version}, then in turns
//	want (a bit for each chunk) ───►  none the first time
//	     ◄──────────────────────────  data or packed, for each chunk that was wanted
//	     ◄──────────────────────────  chunks: lengths and SHA-256 of the next ones; none at the end
//	put:
//	data … ────────────────────────►
//	done {sha256} ─────────────────►
//	     ◄──────────────────────────  answer, once the file is durable under its name
//	hash, sweep, free; of a database look and make: the answer is everything
//
// A file is cut into chunks where its content says so (chunk.go): what moved within a backup, because a page was
// inserted before it, is the same chunk still. What the standby fetched it keeps (cache.go), with the hashes of its
// chunks, and next night wants only those that it does not have. Each chunk is verified by its hash, whether it came by
// the stream or out of the cache; and that the file stayed the same from the first chunk to the last, the agent says. A
// connection that is cut goes on at the chunk where it was (reader.go).
//
// Only files whose names have failoverd's mark are served: what else lies in the directory is its owner's.
//
// RemoteBase and ServeBase are the same for a database of which the agent makes copies into a directory (database.go). Its
// pages do not move, so what has not changed is cut into the same chunks, and does not travel.
//
// The package replicate/files, which copies trees, is not what does it: a source there watches a whole directory, marks
// it as its own and waits until a file has come to rest, and a sink deletes what is gone at the source. Here one file is
// wanted at one moment, by an engine that waits for it; it is deleted at the source the minute after, and is worth
// keeping for just that reason.
package shelf
