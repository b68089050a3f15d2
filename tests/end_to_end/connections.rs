//! Connections and channels: many of them, refused ones, and how they end.

use std::collections::HashSet;

use lapin::Connection;
use lapin::options::QueueDeclareOptions;

use crate::support::*;

async fn refused_login(server: &Server, uri: &str) -> lapin::Error {
    server.connect_to(uri).await.expect_err("a refused login")
}

#[tokio::test]
async fn wrong_passwords_and_unknown_users_look_the_same() {
    let server = Server::start();
    let address = &server.address;
    let wrong = refused_login(&server, &format!("amqp://guest:wrong@{address}/%2f")).await;
    let unknown = refused_login(&server, &format!("amqp://nobody:guest@{address}/%2f")).await;
    let words = "Login was refused using authentication mechanism PLAIN";
    assert_reply(&wrong, 403, words);
    assert_eq!(wrong.to_string(), unknown.to_string());
}

#[tokio::test]
async fn both_password_mechanisms_log_in() {
    let server = Server::start();
    for mechanism in ["plain", "amqplain"] {
        let uri = format!("{}?auth_mechanism={mechanism}", server.uri());
        let connection = server.connect_to(&uri).await.expect("login");
        temporary_queue(&open(&connection).await).await;
    }
}

#[tokio::test]
async fn an_unknown_vhost_is_not_allowed() {
    let server = Server::start();
    let uri = format!("amqp://guest:guest@{}/elsewhere", server.address);
    let error = refused_login(&server, &uri).await;
    assert_reply(&error, 530, "vhost elsewhere not found");
}

#[tokio::test]
async fn the_clients_limits_are_honoured() {
    let server = Server::start();
    let uri = format!("{}?frame_max=4096&channel_max=5&heartbeat=7", server.uri());
    let connection = server.connect_to(&uri).await.expect("connect");
    let agreed = connection.configuration();
    assert_eq!(
        (agreed.frame_max(), agreed.channel_max(), agreed.heartbeat()),
        (4_096, 5, 7)
    );
    let channel = open_confirming(&connection).await;
    let queue = temporary_queue(&channel).await;
    publish(&channel, "", &queue, &[1; 50_000]).await;
    assert_eq!(
        get(&channel, &queue).await.expect("the message").data,
        [1; 50_000]
    );
}

#[tokio::test]
async fn a_hundred_channels_work_side_by_side() {
    let server = Server::start();
    let connection = server.connect().await;
    let mut work = tokio::task::JoinSet::new();
    for number in 0..100_u32 {
        let channel = open_confirming(&connection).await;
        work.spawn(async move {
            let queue = temporary_queue(&channel).await;
            let mut consumer = consume(&channel, &queue).await;
            publish_numbered(&channel, &queue, 20).await;
            assert_eq!(next_bodies(&mut consumer, 20).await, numbers(0..20));
            (number, channel.id())
        });
    }
    let ids: HashSet<_> = within(work.join_all())
        .await
        .into_iter()
        .map(|(_, id)| id)
        .collect();
    assert_eq!(ids.len(), 100);
}

#[tokio::test]
async fn many_connections_work_side_by_side() {
    let server = Server::start();
    let mut connections: Vec<Connection> = Vec::new();
    for _ in 0..100 {
        connections.push(server.connect().await);
    }
    let first = open(&connections[0]).await;
    let queue = unique("meeting-point");
    declare(&first, &queue, QueueDeclareOptions::default())
        .await
        .expect("declare");
    for connection in &connections {
        publish(&open_confirming(connection).await, "", &queue, b"present").await;
    }
    assert_eq!(drain(&first, &queue).await.len(), 100);
    for connection in connections {
        within(connection.close(200, "done".into()))
            .await
            .expect("close");
    }
}

#[tokio::test]
async fn channels_are_closed_and_opened_again() {
    let server = Server::start();
    let connection = server.connect().await;
    for _ in 0..200 {
        let channel = open(&connection).await;
        temporary_queue(&channel).await;
        within(channel.close(200, "done".into()))
            .await
            .expect("close");
    }
}

#[tokio::test]
async fn a_channel_error_leaves_the_other_channels_alone() {
    let server = Server::start();
    let connection = server.connect().await;
    let innocent = open_confirming(&connection).await;
    let queue = temporary_queue(&innocent).await;
    for _ in 0..50 {
        let guilty = open(&connection).await;
        let passive = QueueDeclareOptions::default().passive();
        assert_refused(
            declare(&guilty, &unique("missing"), passive).await,
            404,
            "no queue",
        );
        publish(&innocent, "", &queue, b"unimpressed").await;
    }
    assert_eq!(counts(&innocent, &queue).await.0, 50);
}

#[tokio::test]
async fn update_secret_is_accepted() {
    let server = Server::start();
    let connection = server.connect().await;
    let updated = connection.update_secret("guest".into(), "a test".into());
    within(updated).await.expect("update-secret-ok");
    temporary_queue(&open(&connection).await).await;
}
