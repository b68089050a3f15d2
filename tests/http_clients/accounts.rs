//! Vhosts, users and what they may do; policies, parameters, limits; definitions.

use rabbitmq_http_client::commons::{PolicyTarget, UserLimitTarget, VirtualHostLimitTarget};
use rabbitmq_http_client::password_hashing::{base64_encoded_salted_password_hash_sha256, salt};
use rabbitmq_http_client::requests::{
    EnforcedLimitParams, Permissions, PolicyDefinitionBuilder, PolicyParams, TopicPermissions,
    UserParams, VirtualHostParams,
};

use crate::support::{broker, client};

#[tokio::test]
async fn vhosts_are_understood() {
    let broker = broker();
    let client = client(&broker);
    let params = VirtualHostParams::named("v/1").with_description("a test");
    client.create_vhost(&params).await.unwrap();
    assert_eq!(client.list_vhosts().await.unwrap().len(), 2);
    let vhost = client.get_vhost("v/1").await.unwrap();
    assert_eq!(vhost.description.as_deref(), Some("a test"));
    client
        .enable_vhost_deletion_protection("v/1")
        .await
        .unwrap();
    assert!(client.delete_vhost("v/1", false).await.is_err());
    client
        .disable_vhost_deletion_protection("v/1")
        .await
        .unwrap();
    let limit = EnforcedLimitParams::new(VirtualHostLimitTarget::MaxQueues, 5);
    client.set_vhost_limit("v/1", limit).await.unwrap();
    assert_eq!(client.list_all_vhost_limits().await.unwrap().len(), 1);
    client.list_vhost_limits("v/1").await.unwrap();
    let kind = VirtualHostLimitTarget::MaxQueues;
    client.clear_vhost_limit("v/1", kind).await.unwrap();
    client.delete_vhost("v/1", false).await.unwrap();
}

#[tokio::test]
async fn users_are_understood() {
    let broker = broker();
    let client = client(&broker);
    let hash = base64_encoded_salted_password_hash_sha256(&salt(), "p");
    let params = UserParams::monitoring("ann", &hash);
    client.create_user(&params).await.unwrap();
    assert_eq!(client.list_users().await.unwrap().len(), 2);
    let without = client.list_users_without_permissions().await.unwrap();
    assert_eq!(without[0].name, "ann");
    client.get_user("ann").await.unwrap();

    let full = Permissions::full_access("ann", "/");
    client.declare_permissions(&full).await.unwrap();
    let given = client.get_permissions("/", "ann").await.unwrap();
    assert_eq!(given.configure, ".*");
    client.list_permissions().await.unwrap();
    client.list_permissions_in("/").await.unwrap();
    assert_eq!(client.list_permissions_of("ann").await.unwrap().len(), 1);
    let topics = TopicPermissions {
        user: "ann",
        vhost: "/",
        write: "^a",
        read: ".*",
        exchange: "amq.topic",
    };
    client.declare_topic_permissions(&topics).await.unwrap();
    assert_eq!(client.list_topic_permissions().await.unwrap().len(), 1);
    client.list_topic_permissions_in("/").await.unwrap();
    client.list_topic_permissions_of("ann").await.unwrap();
    client.clear_permissions("/", "ann", false).await.unwrap();

    let limit = EnforcedLimitParams::new(UserLimitTarget::MaxChannels, 5);
    client.set_user_limit("ann", limit).await.unwrap();
    assert_eq!(client.list_all_user_limits().await.unwrap().len(), 1);
    client.list_user_limits("ann").await.unwrap();
    let kind = UserLimitTarget::MaxChannels;
    client.clear_user_limit("ann", kind).await.unwrap();
    client.delete_users(vec!["ann"]).await.unwrap();
    assert!(client.delete_user("ann", false).await.is_err());
}

#[tokio::test]
async fn policies_and_definitions_are_understood() {
    let broker = broker();
    let client = client(&broker);
    client.declare_quorum_queue("/", "q").await.unwrap();
    let definition = || PolicyDefinitionBuilder::new().max_length(5).build();
    let params = PolicyParams::new("/", "p", "^q", definition());
    let params = params.apply_to(PolicyTarget::QuorumQueues).priority(3);
    client.declare_policy(&params).await.unwrap();
    assert_eq!(client.get_policy("/", "p").await.unwrap().priority, 3);
    client.list_policies().await.unwrap();
    client.list_policies_in("/").await.unwrap();
    let params = PolicyParams::new("/", "o", "^q", definition());
    let params = params.apply_to(PolicyTarget::Queues);
    client.declare_operator_policy(&params).await.unwrap();
    client.get_operator_policy("/", "o").await.unwrap();
    assert_eq!(client.list_operator_policies().await.unwrap().len(), 1);
    let queue = client.get_queue_info("/", "q").await.unwrap();
    assert_eq!(queue.policy.as_deref(), Some("p"));
    client.list_runtime_parameters().await.unwrap();
    client.list_global_runtime_parameters().await.unwrap();

    let definitions = client.export_cluster_wide_definitions_as_data().await;
    assert_eq!(definitions.unwrap().queues.len(), 1);
    client.export_vhost_definitions_as_data("/").await.unwrap();
    let text = client.export_cluster_wide_definitions().await.unwrap();
    let document = serde_json::from_str(&text).unwrap();
    client.import_definitions(document).await.unwrap();
    client.delete_policy("/", "p", false).await.unwrap();
    client
        .delete_operator_policy("/", "o", false)
        .await
        .unwrap();
}
