# The example app, with all that it needs beside it.

.PHONY: nextjs

# Ctrl-C is how it ends, and no failure.
nextjs: client ## the Next.js example on http://localhost:3000, its database and Corrillo (PORT, CORRILLO_PORT, DATABASE_URL)
	@trap : INT; node web/nextjs/scripts/run.js
