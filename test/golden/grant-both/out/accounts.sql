-- db01.example.com:3306 as default/admin
CREATE USER 'site'@'192.0.2.12' IDENTIFIED VIA mysql_native_password USING '<hash of Secret default/site password>';
GRANT SELECT ON `Site`.* TO 'site'@'192.0.2.12';
CREATE USER 'site'@'198.18.0.1' IDENTIFIED VIA mysql_native_password USING '<hash of Secret default/site password>';
GRANT SELECT ON `Site`.* TO 'site'@'198.18.0.1';
CREATE USER 'site'@'web01.serverlab.intra' IDENTIFIED VIA mysql_native_password USING '<hash of Secret default/site password>';
GRANT SELECT ON `Site`.* TO 'site'@'web01.serverlab.intra';
