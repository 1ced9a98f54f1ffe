// Package console is the page that answers in ten seconds: who serves my users now, is each server protected, do I have
// to do something? It is a client of the API like any other, made of the files in page/ as they are: no build step, and
// nothing from elsewhere.
package console
