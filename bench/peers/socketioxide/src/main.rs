//! The peer in Rust: a socketioxide server with the events of docs/reference/protocol.md, one room a channel. It keeps no
//! history, so it has less to do than the others.
//! usage: oyez-bench-peer PORT KEY
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::serve::ListenerExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide::handler::ConnectHandler;

static LAST_ID: AtomicU64 = AtomicU64::new(0);

#[derive(Deserialize)]
struct Filter {
    filter: Vec<String>,
}

#[derive(Deserialize)]
struct Post {
    channel: String,
    message: Value,
}

#[derive(Serialize)]
struct Event {
    id: u64,
    channel: String,
    message: Value,
}

fn serve_listener(socket: &SocketRef) {
    socket.on("set-filter", async |socket: SocketRef, Data::<Filter>(wanted)| {
        socket.leave_all();
        socket.join(wanted.filter);
        socket.emit("status", &json!({"status": "success"})).ok();
    });
}

fn serve_poster(socket: &SocketRef) {
    socket.on("post", async |io: SocketIo, Data::<Post>(post), ack: AckSender| {
        let id = LAST_ID.fetch_add(1, Ordering::Relaxed) + 1;
        let event = Event { id, channel: post.channel, message: post.message };
        io.to(event.channel.clone()).emit("message", &event).await.ok();
        ack.send(&json!({"status": "success", "id": id})).ok();
    });
    socket.on("last-msg", async |ack: AckSender| {
        ack.send(&json!({"status": "success", "id": LAST_ID.load(Ordering::Relaxed)})).ok();
    });
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().ok_or("PORT is missing")?.parse()?;
    let key: &'static str = arguments.next().unwrap_or_default().leak();
    LAST_ID.store(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64, Ordering::Relaxed);

    let (layer, io) = SocketIo::builder().max_buffer_size(4096).build_layer();
    // Before the client learns that it is connected: what it asks for at once would find nobody to take it later.
    let admit = async move |socket: SocketRef, Data(shown): Data<Value>| {
        match shown["role"] == "sender" {
            true if shown["token"] == key => serve_poster(&socket),
            true => return Err("Authentication failed"),
            false => serve_listener(&socket),
        }
        Ok(())
    };
    io.ns("/", (async || ()).with(admit));

    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(([127, 0, 0, 1], port).into())?;
    let listener = socket.listen(4096)?.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, axum::Router::new().layer(layer)).await?;
    Ok(())
}
