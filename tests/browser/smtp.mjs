// A real SMTP server for the tests in Rust: `node smtp.mjs [port]`, 0 for a free one. Says what happens as JSON lines on
// its standard output: {"listening": port} first, then {"mail": {"from", "to", "raw"}} for each mail that was accepted.
// It ends with its standard input.
import { SMTPServer } from "smtp-server";

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ["AUTH", "STARTTLS"],
  onData(stream, session, callback) {
    const parts = [];
    stream.on("data", (part) => parts.push(part));
    stream.on("end", () => {
      const { mailFrom, rcptTo } = session.envelope;
      say({ mail: { from: mailFrom.address, to: rcptTo.map((one) => one.address), raw: Buffer.concat(parts).toString("utf8") } });
      callback();
    });
  },
});
server.on("error", (error) => {
  say({ error: error.message });
  process.exit(1);
});
server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => say({ listening: server.server.address().port }));
process.stdin.on("end", () => process.exit(0)).resume();
