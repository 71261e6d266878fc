// The state as one person sees it. Pure: no DOM, no network.

export const DM = "dm";
const ADMINISTRATOR = 1n << 3n;
const EPHEMERAL_LAST = 100;

const PERMISSION_NAMES = [
  [1n << 3n, "Administrator"], [1n << 5n, "Manage Server"], [1n << 4n, "Manage Channels"],
  [1n << 28n, "Manage Roles"], [1n << 13n, "Manage Messages"], [1n << 40n, "Timeout Members"],
  [1n << 1n, "Kick Members"], [1n << 2n, "Ban Members"],
];
export const MANAGE_MESSAGES = 1n << 13n;

export class View {
  constructor(state, session) {
    this.state = state;
    this.session = session;
    this.me = session.as;
    this.person = state.people.find((one) => one.handle === this.me) ?? state.people[0];
    this.discord = state.discord ?? { guilds: [], dms: {}, commands: [], bot: null };
    this.kick = state.kick;
  }

  /* ---- servers and channels ---------------------------------------------------------------- */

  get guilds() {
    return this.discord.guilds.filter((guild) => this.memberIn(guild));
  }

  get guild() {
    const mine = this.guilds;
    return mine.find((guild) => guild.id === this.session.server) ?? mine[0] ?? null;
  }

  memberIn(guild, handle = this.me) {
    return guild?.members.find((member) => member.handle === handle) ?? null;
  }

  channelsOf(guild) {
    return guild ? guild.channels.filter((channel) => channel.visible_to.includes(this.me)) : [];
  }

  get dm() {
    return this.discord.dms[this.me] ?? null;
  }

  /** The open channel; the DM may not exist yet and then is an empty one. */
  get channel() {
    if (this.session.channel === DM) {
      return this.dm ?? { id: DM, name: "dm", messages: [], pins: [], visible_to: [this.me] };
    }
    const all = this.channelsOf(this.guild);
    return all.find((channel) => channel.id === this.session.channel) ?? all[0] ?? null;
  }

  get inDm() {
    return this.session.channel === DM;
  }

  channelNamed(name) {
    return this.channelsOf(this.guild).find((channel) => channel.name === name) ?? null;
  }

  messagesOf(channel) {
    return (channel?.messages ?? []).filter(
      (message) => message.ephemeral_for === null || message.ephemeral_for === this.me,
    ).slice(-EPHEMERAL_LAST);
  }

  /* ---- names ------------------------------------------------------------------------------- */

  /** What `markdown` asks for: names by id, for the open server. */
  names() {
    const guild = this.guild;
    const members = this.discord.guilds.flatMap((one) => one.members);
    const emojis = this.discord.guilds.flatMap((one) => one.emojis ?? []);
    const channels = this.discord.guilds.flatMap((one) => one.channels);
    const named = (list, id) => list.find((one) => one.id === id)?.name ?? null;
    return {
      user: (id) => this.#userName(id, guild, members),
      role: (id) => named(guild?.roles ?? [], id),
      channel: (id) => named(channels, id),
      emoji: (id) => emojis.some((one) => one.id === id),
    };
  }

  #userName(id, guild, members) {
    const member = guild?.members.find((one) => one.user.id === id)
      ?? members.find((one) => one.user.id === id);
    return member?.display_name
      ?? this.state.people.find((one) => one.discord_id === id)?.display_name ?? null;
  }

  /** Changes whenever a drawn name could look different. */
  get namesPrint() {
    const guild = this.guild;
    if (!guild) return "";
    return [this.me, guild.id, ...guild.members.map((m) => `${m.display_name}:${m.color}:${m.roles}`),
      ...guild.roles.map((role) => role.name), ...guild.channels.map((one) => one.name)].join("|");
  }

  colorOf(handle) {
    const color = this.guild && this.memberIn(this.guild, handle)?.color;
    return color ? `#${color.toString(16).padStart(6, "0")}` : null;
  }

  isCalledBy(message) {
    if (message.author_handle === this.me) return false;
    if (message.mention_everyone) return true;
    if (message.mentions?.some((user) => user.id === this.person.discord_id)) return true;
    const roles = this.memberIn(this.guild)?.roles ?? [];
    return message.mention_roles?.some((id) => roles.includes(id)) ?? false;
  }

  /* ---- permissions and commands ------------------------------------------------------------ */

  may(bits) {
    const held = BigInt(this.memberIn(this.guild)?.permissions ?? 0);
    return (held & ADMINISTRATOR) !== 0n || (held & bits) === bits;
  }

  mayUse(command) {
    if (this.inDm || command.default_member_permissions === null) return true;
    const needed = BigInt(command.default_member_permissions);
    return this.may(needed === 0n ? ADMINISTRATOR : needed);
  }

  /** All commands of this place, `{allowed, refused}`, by name. */
  get commands() {
    const guildId = this.inDm ? null : this.guild?.id;
    const here = this.discord.commands
      .filter((one) => one.guild_id === null || one.guild_id === guildId)
      .sort((a, b) => a.path.localeCompare(b.path));
    return {
      allowed: here.filter((one) => this.mayUse(one)),
      refused: here.filter((one) => !this.mayUse(one)),
    };
  }

  /* ---- Kick -------------------------------------------------------------------------------- */

  get stream() {
    const channels = this.kick?.channels ?? [];
    const wanted = this.session.kick ?? (this.me === "vera" ? "vera" : "nora");
    return channels.find((one) => one.handle === wanted) ?? channels[0] ?? null;
  }

  get chat() {
    const slug = this.stream?.slug;
    return (this.kick?.chat ?? []).filter((line) => line.channel === slug);
  }

  /* ---- Twitch ------------------------------------------------------------------------------ */

  get twitchStream() {
    const channels = this.state.twitch?.channels ?? [];
    const wanted = this.stream?.handle;
    return channels.find((one) => one.handle === wanted) ?? channels[0] ?? null;
  }

  get twitchChat() {
    const handle = this.twitchStream?.handle;
    return (this.state.twitch?.chat ?? []).filter((line) => line.channel === handle);
  }

  get twitchName() {
    const mine = this.state.twitch?.accounts.find((one) => one.handle === this.me);
    return mine?.name ?? this.person.kick_name;
  }
}

/** "Manage Server and Manage Roles" for permission bits in decimal; 0 means administrators. */
export function permissionNames(decimal) {
  const bits = BigInt(decimal);
  if (bits === 0n) return "Administrator";
  const names = PERMISSION_NAMES.filter(([bit]) => bits & bit).map(([, name]) => name);
  return names.join(" and ") || "a special permission";
}
