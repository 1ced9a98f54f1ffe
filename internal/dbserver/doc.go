// Package dbserver starts real database servers on 127.0.0.1 for tests, benchmarks and demonstrations: each with its
// files in a directory of its own, on a free port, as an unprivileged user, and gone with the process that started it.
package dbserver
