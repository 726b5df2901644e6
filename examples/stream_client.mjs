// Prints speed and gear of a car from the stream of `serve`, and goes on after a restart of the server, or of the game.
//
//   node examples/stream_client.mjs [ws://HOST:PORT/?token=T]
//
// Node 22 and later need nothing else. Node 20 needs `node --experimental-websocket`, or the package ws (npm install ws).

const PAUSES_S = [0.5, 1, 2, 4, 8, 15]; // between attempts to connect; the last one from then on
const PING_EVERY_S = 5;
const SILENCE_S = 12; // without any message, not even an answer to a ping: the connection is dead

const WebSocket = globalThis.WebSocket ?? (await import("ws").catch(() => undefined))?.WebSocket;
if (!WebSocket) {
  console.error("This Node has no WebSocket: use Node 22, or node --experimental-websocket, or npm install ws.");
  process.exit(1);
}

const url = new URL(process.argv[2] ?? "ws://127.0.0.1:8765");
const wanted = { hello: 1, events: 1, fields: "sequence,speed_kmh,gear_name" };
for (const [key, value] of Object.entries(wanted)) url.searchParams.set(key, value);

let streamId; // another one after each start of the server
let newest; // the sequence of the newest sample
let failures = 0;

function connect() {
  const socket = new WebSocket(url);
  let heardAt = Date.now();
  let isEnded = false;

  function end(reason) {
    if (isEnded) return; // some tell the end twice, by an error and a close
    isEnded = true;
    clearInterval(pulse);
    const pause = PAUSES_S[Math.min(failures, PAUSES_S.length - 1)];
    failures += 1;
    console.log(`no stream: ${reason || "the connection was lost"}; next attempt in ${pause} s`);
    setTimeout(connect, 1000 * pause);
  }

  const pulse = setInterval(() => {
    if (Date.now() - heardAt > 1000 * SILENCE_S) {
      end("the server is silent");
      socket.close();
    } else if (socket.readyState === WebSocket.OPEN) {
      socket.send('{"type": "ping"}');
    }
  }, 1000 * PING_EVERY_S);

  socket.onmessage = ({ data }) => {
    if (isEnded) return;
    heardAt = Date.now();
    failures = 0;
    take(JSON.parse(data));
  };
  socket.onclose = ({ reason }) => end(reason);
  socket.onerror = ({ message }) => end(message); // of a refused connection, Node's WebSocket tells this alone
}

function take(message) {
  if (message.type === "hello") {
    if (streamId !== undefined && message.stream_id !== streamId) {
      console.log("the server was started again");
      newest = undefined;
    }
    streamId = message.stream_id;
  } else if (message.type === "state") {
    console.log(`${message.state} ${message.message}`);
  } else if (message.type === "error") {
    console.log(`error: ${message.message}`);
  } else if (message.type === undefined && message.sequence !== newest) { // a new connection gets the newest once more
    const missed = newest === undefined ? 0 : message.sequence - newest - 1;
    if (missed > 0) console.log(`${missed} samples missed`);
    newest = message.sequence;
    console.log(`${message.speed_kmh?.toFixed(1)} km/h  gear ${message.gear_name}`);
  }
}

connect();
