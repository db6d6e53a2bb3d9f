// POST {"to":"ann@example.org","subject":"Hello","text":"..."}: the letter's number, or why it cannot go.
import { send } from "example:mail/outbox@1.0.0";

async function handle(request) {
  const { to, subject, text } = await request.json();
  try {
    return new Response(`${send({ to, subject, text })}\n`);
  } catch (error) {
    return new Response(`${error.payload ?? error.message}\n`, { status: 502 });
  }
}

addEventListener("fetch", (event) => event.respondWith(handle(event.request)));
