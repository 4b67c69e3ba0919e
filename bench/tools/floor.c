/* The floor that Oyez is compared with: a server that makes one send(2) for each listener and event, and does nothing
   else: no history, no check of anything. It reads just enough Socket.IO for `load`, whose channels are ch0, ch1 and so on.

   usage: floor PORT */
#define _GNU_SOURCE
#include "frames.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_SOCKETS = 20000, MOST_CHANNELS = 10000, ROOM = 8192, MOST_EVENTS = 256 };

/* The answer to the one key that `load` sends, the example of RFC 6455 section 1.3. */
static const char UPGRADED[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

static struct client {
    unsigned char bytes[ROOM];
    size_t held;
    int upgraded, channel; /* a poster's channel is -1 */
    int next;              /* the next listener of its channel, 0 behind the last: no socket has that number here */
} *clients[MOST_SOCKETS]; /* by descriptor */

static int first[MOST_CHANNELS]; /* the first listener of each */
static long last_id = 1000;

/* Returns the number behind the first `"ch`, -1 if there is none. */
static int channel_in(const char *packet) {
    const char *found = strstr(packet, "\"ch");
    while (found && (found[3] < '0' || found[3] > '9')) found = strstr(found + 1, "\"ch");
    int channel = found ? atoi(found + 3) : -1;
    return channel < MOST_CHANNELS ? channel : -1;
}

static void join(int socket, int channel) {
    if (channel < 0) return;
    clients[socket]->channel = channel;
    clients[socket]->next = first[channel];
    first[channel] = socket;
}

static void leave(int socket) {
    struct client *client = clients[socket];
    if (client->channel < 0) return;
    int *place = &first[client->channel];
    while (*place != socket) place = &clients[*place]->next;
    *place = client->next;
}

static void send_text(int socket, const char *text, size_t length) {
    unsigned char frame[ROOM + MAX_HEADER];
    send(socket, frame, write_frame(frame, TEXT, text, length, 0), MSG_NOSIGNAL);
}

/* `42N["post",{"channel":C,"message":M}]`: M goes to every listener of C, then the acknowledgement N to the poster. */
static void publish(int poster, char *packet, size_t length) {
    static const char MESSAGE[] = "\"message\":";
    char text[ROOM];
    char *event = strchr(packet, '[');
    char *message = event ? strstr(event, MESSAGE) : NULL;
    int channel = event ? channel_in(event) : -1;
    if (!message || channel < 0) return;
    message += sizeof MESSAGE - 1;
    int message_length = packet + length - 2 - message; /* less what closes the object and the list */
    int size = snprintf(text, sizeof text, "42[\"message\",{\"id\":%ld,\"channel\":\"ch%d\",\"message\":%.*s}]", ++last_id, channel,
                        message_length, message);
    unsigned char frame[ROOM + MAX_HEADER];
    size_t frame_size = write_frame(frame, TEXT, text, size, 0);
    for (int listener = first[channel]; listener; listener = clients[listener]->next) send(listener, frame, frame_size, MSG_NOSIGNAL);
    size = snprintf(text, sizeof text, "43%.*s[{\"status\":\"success\",\"id\":%ld}]", (int)(event - packet - 2), packet + 2,
                    last_id);
    send_text(poster, text, size);
}

static void take_packet(int socket, char *packet, size_t length) {
    if (!strncmp(packet, "40", 2)) {
        send_text(socket, "40{\"sid\":\"x\"}", 12);
    } else if (!strncmp(packet, "42[\"set-filter\"", 15)) {
        join(socket, channel_in(packet));
        send_text(socket, "42[\"status\",{\"status\":\"success\"}]", 33);
    } else if (!strncmp(packet, "42", 2)) {
        publish(socket, packet, length);
    }
}

static void forget(int socket) {
    leave(socket);
    free(clients[socket]);
    clients[socket] = NULL;
    close(socket);
}

static void take_bytes(int socket) {
    struct client *client = clients[socket];
    ssize_t count = recv(socket, client->bytes + client->held, ROOM - 1 - client->held, 0);
    if (count <= 0) {
        forget(socket);
        return;
    }
    client->held += count;
    client->bytes[client->held] = 0;
    if (!client->upgraded) {
        if (!strstr((char *)client->bytes, "\r\n\r\n")) return;
        send(socket, UPGRADED, sizeof UPGRADED - 1, MSG_NOSIGNAL);
        send_text(socket, "0{\"sid\":\"x\"}", 12);
        client->upgraded = 1;
        client->held = 0;
        return;
    }
    size_t done = 0;
    struct frame frame;
    while (read_frame(client->bytes + done, client->held - done, &frame)) {
        unsigned char next = frame.payload[frame.length];
        frame.payload[frame.length] = 0;
        take_packet(socket, (char *)frame.payload, frame.length);
        frame.payload[frame.length] = next;
        done += frame.size;
    }
    memmove(client->bytes, client->bytes + done, client->held - done);
    client->held -= done;
}

static void admit(int epoll, int listener) {
    int one = 1, socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (socket < 0 || socket >= MOST_SOCKETS) return;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    clients[socket] = calloc(1, sizeof *clients[socket]);
    clients[socket]->channel = -1;
    struct epoll_event interest = {.events = EPOLLIN, .data.fd = socket};
    epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &interest);
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: floor PORT\n");
        return 2;
    }
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1]))};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) {
        perror("floor");
        return 1;
    }
    struct epoll_event interest = {.events = EPOLLIN, .data.fd = listener}, ready[MOST_EVENTS];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &interest);
    for (;;) {
        int found = epoll_wait(epoll, ready, MOST_EVENTS, -1);
        for (int i = 0; i < found; i++) {
            if (ready[i].data.fd == listener)
                admit(epoll, listener);
            else
                take_bytes(ready[i].data.fd);
        }
    }
}
