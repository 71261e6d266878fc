// An evening with @twurple against the sandbox; prints what it saw as one JSON object.
//
// node twurple.mjs '{"api": ..., "auth": ..., "socket": ..., "clientId": ..., "clientSecret": ...,
//                    "code": ..., "redirectUri": ..., "viewer": ..., "control": ...}'
import {ApiClient} from '@twurple/api';
import {RefreshingAuthProvider, exchangeCode, getTokenInfo, refreshUserToken, revokeToken} from '@twurple/auth';
import {EventSubWsListener} from '@twurple/eventsub-ws';

const given = JSON.parse(process.argv[2]);

// The client knows Twitch's addresses only.
const realFetch = globalThis.fetch;
globalThis.fetch = (url, options) => realFetch(String(url)
  .replace('https://api.twitch.tv/helix', given.api)
  .replace('https://id.twitch.tv/oauth2', given.auth), options);

const control = (action, body) => realFetch(`${given.control}/${action}`, {
  method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body),
});

const seen = {};
const token = await exchangeCode(given.clientId, given.clientSecret, given.code, given.redirectUri);
const info = await getTokenInfo(token.accessToken, given.clientId);
seen.login = info.userName;
const renewed = await refreshUserToken(given.clientId, given.clientSecret, token.refreshToken);

const authProvider = new RefreshingAuthProvider({clientId: given.clientId, clientSecret: given.clientSecret});
authProvider.addUser(info.userId, renewed);
const api = new ApiClient({authProvider});
const channel = info.userId;

const viewer = await api.users.getUserByName(given.viewer);
seen.viewer = viewer.displayName;
seen.live = await api.streams.getStreamByUserId(channel);

await api.channels.addVip(channel, viewer.id);
seen.vips = (await api.channels.getVips(channel)).data.map(one => one.displayName);
await api.channels.removeVip(channel, viewer.id);
seen.vipsAfter = (await api.channels.getVips(channel)).data.length;

const reward = await api.channelPoints.createCustomReward(channel, {title: 'Hydrate', cost: 100});
await api.channelPoints.updateCustomReward(channel, reward.id, {cost: 200});
seen.rewards = (await api.channelPoints.getCustomRewards(channel, true)).map(one => [one.title, one.cost]);
await control('redeem', {person: 'mia', title: 'Hydrate'});
const open = await api.channelPoints.getRedemptionsForBroadcaster(channel, reward.id, 'UNFULFILLED', {});
await api.channelPoints.updateRedemptionStatusByIds(channel, reward.id, open.data.map(one => one.id), 'CANCELED');
seen.redemptions = open.data.length;
await api.channelPoints.deleteCustomReward(channel, reward.id);

const sent = await api.asUser(channel, user => user.chat.sendChatMessage(channel, 'hello from twurple'));
seen.isSent = sent.isSent;
seen.moderators = (await api.moderation.getModerators(channel)).data.length;
await api.subscriptions.getSubscriptions(channel);

const listener = new EventSubWsListener({apiClient: api, url: given.socket});
seen.cheer = await new Promise((resolve, reject) => {
  listener.onChannelCheer(channel, event => resolve([event.userDisplayName, event.bits]));
  listener.onSubscriptionCreateSuccess(() => control('cheer', {person: 'mia', bits: 50}));
  listener.onSubscriptionCreateFailure((_subscription, error) => reject(error));
  listener.start();
});
listener.stop();

await revokeToken(given.clientId, renewed.accessToken);
seen.isRevoked = await getTokenInfo(renewed.accessToken, given.clientId).then(() => false, () => true);
console.log(JSON.stringify(seen));
process.exit(0);
