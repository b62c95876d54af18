-- db01.example.com:3306 as default/admin
CREATE USER 'site'@'192.0.2.1' IDENTIFIED VIA mysql_native_password USING '<hash of Secret default/site password>';
GRANT SELECT ON `Site`.* TO 'site'@'192.0.2.1';
GRANT SELECT ON `Site``; DROP TABLE x; --`.* TO 'site'@'192.0.2.1';
