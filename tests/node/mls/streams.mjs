// What a device is told as it happens: by server-sent events or in a `rookery.v1` session over a WebSocket.
//
// Messages go through the phone one after the other; `helps` makes it add lost devices when it is its turn.
const SSE = 'blue.catbird.mls.streamConvoEvents';
const SESSION = 'chat.rookery.session';
const SUBPROTOCOL = 'rookery.v1';
const CREDIT = 1000;
const PATIENCE = 20_000;

export class Stream {
  constructor(phone, { helps = false } = {}) {
    this.phone = phone;
    this.helps = helps;
    this.events = []; // as they came
    this.taken = []; // what `Phone.take` made of the messages among them
    this.done = Promise.resolve();
    this.fault = null;
    this.waiting = new Set();
  }

  static async open(kind, phone, options) {
    const stream = new Stream(phone, options);
    await { sse: () => stream.#openEvents(), session: () => stream.#openSession() }[kind]();
    return stream;
  }

  // Resolves when so many events of a kind have been dealt with; fails with what came instead.
  async until(kind, count) {
    await this.#until(() => this.#of(kind).length >= count);
    return { events: this.#of(kind), taken: this.#opened() };
  }

  // When so many messages of others were opened.
  async untilOpened(count) {
    const texts = () => this.#opened().filter(({ text }) => text !== undefined);
    await this.#until(() => texts().length >= count);
    return { taken: texts() };
  }

  #opened() {
    return this.taken.filter((each) => each !== null);
  }

  async #until(enough) {
    let timer;
    await new Promise((resolve, reject) => {
      const look = () => {
        if (this.fault) reject(this.fault);
        else if (enough()) resolve();
      };
      timer = setTimeout(() => reject(new Error(`heard only ${JSON.stringify(this.events)}`)), PATIENCE);
      this.waiting.add(look);
      look();
    }).finally(() => clearTimeout(timer));
    await this.done;
  }

  #of(kind) {
    return this.events.filter(({ $type }) => $type.endsWith(`#${kind}`));
  }

  #happened(event) {
    this.done = this.done
      .then(() => this.phone.inTurn(() => this.#deal(event)))
      .catch((error) => {
        this.fault ??= error;
      })
      .then(() => {
        for (const look of this.waiting) look();
      });
  }

  async #deal(event) {
    const { $type, message } = event;
    if (this.#isOurJoining(event)) await this.phone.join(event.convoId);
    if (message !== undefined) this.taken.push(await this.phone.take(message.convoId, message));
    if (this.helps && $type.endsWith('#readditionRequestedEvent') && event.leasedTo === this.phone.id) {
      const { convoId, userDid, deviceId } = event;
      await this.phone.addAgain(convoId, { did: userDid, deviceId });
      await this.phone.send(convoId, `welcome back ${deviceId}`);
    }
    this.events.push(event);
  }

  // A Welcome waits for this device, unless it came in by itself.
  #isOurJoining({ $type, convoId, did, action, deviceIds }) {
    const joined = $type.endsWith('#membershipChangeEvent') && action === 'joined' && did === this.phone.account.did;
    return joined && (deviceIds ?? [this.phone.id]).includes(this.phone.id) && !this.phone.groups.has(convoId);
  }

  async #openEvents() {
    const { account, id } = this.phone;
    this.ending = new AbortController();
    const response = await fetch(account.address(SSE, { deviceId: id }), {
      headers: account.headers(SSE),
      signal: this.ending.signal,
    });
    if (!response.ok) throw new Error(`the stream did not open: ${await response.text()}`);
    this.close = () => this.ending.abort();
    this.#readEvents(response.body.pipeThrough(new TextDecoderStream())).catch((error) => {
      if (error.name !== 'AbortError') this.fault ??= error;
    });
  }

  async #readEvents(pieces) {
    let rest = '';
    for await (const piece of pieces) {
      const blocks = (rest + piece).split('\n\n');
      rest = blocks.pop();
      for (const block of blocks) {
        const data = block.split('\n').filter((line) => line.startsWith('data:'));
        if (data.length) this.#happened(JSON.parse(data.map((line) => line.slice(5)).join('\n')).event);
      }
    }
  }

  async #openSession() {
    const { account, id } = this.phone;
    const asked = { purpose: SESSION, deviceId: id };
    const { ticket } = await account.do('chat.rookery.getTicket', asked);
    const address = account.address(SESSION, { ticket }).replace(/^http/, 'ws');
    const socket = new WebSocket(address, SUBPROTOCOL); // the browsers' own: it has no headers
    this.close = () => socket.close();
    await new Promise((resolve, reject) => {
      socket.onopen = () => socket.send(JSON.stringify({ type: 'hello', deviceId: id, credit: CREDIT }));
      socket.onerror = () => reject(new Error('the session did not open'));
      socket.onclose = ({ code, reason }) => reject(new Error(`the session was closed: ${code} ${reason}`));
      socket.onmessage = ({ data }) => {
        const frame = JSON.parse(data);
        if (frame.type === 'welcome') resolve();
        if (frame.type === 'event') this.#happened(frame.event);
        if (frame.type === 'ack' || frame.type === 'error') this.#answered(frame);
      };
    });
    this.socket = socket;
    this.sends = new Map();
  }

  // A message through the session itself; the ack, or the error that answers it.
  async send(convo, text) {
    const { bytes, epoch } = await this.phone.inTurn(() => this.phone.seal(convo, text));
    const id = this.sends.size + 1;
    const msgId = `session-${this.phone.id.slice(0, 8)}-${id}`;
    this.phone.authored.add(msgId);
    const ciphertext = { $bytes: Buffer.from(bytes).toString('base64') };
    const answer = new Promise((resolve) => {
      this.sends.set(id, resolve);
    });
    this.socket.send(JSON.stringify({ type: 'send', id, convoId: convo, msgId, ciphertext, epoch }));
    return answer;
  }

  #answered(frame) {
    this.sends.get(frame.id)?.(frame);
  }
}
