-- db01.example.com:3306 as default/admin
CREATE USER 'mywpsite_service'@'192.0.2.12' IDENTIFIED VIA mysql_native_password USING '<hash of Secret default/site password>';
GRANT CREATE, DELETE, INDEX, INSERT, SELECT, UPDATE ON `MyWPSite`.* TO 'mywpsite_service'@'192.0.2.12';
GRANT SELECT (`body`) ON `Shared_Data`.`posts` TO 'mywpsite_service'@'192.0.2.12';
GRANT SELECT (`title`) ON `Shared_Data`.`posts` TO 'mywpsite_service'@'192.0.2.12';
CREATE USER 'mywpsite_service'@'198.18.0.1' IDENTIFIED VIA mysql_native_password USING '<hash of Secret default/site password>';
GRANT CREATE, DELETE, INDEX, INSERT, SELECT, UPDATE ON `MyWPSite`.* TO 'mywpsite_service'@'198.18.0.1';
GRANT SELECT (`body`) ON `Shared_Data`.`posts` TO 'mywpsite_service'@'198.18.0.1';
GRANT SELECT (`title`) ON `Shared_Data`.`posts` TO 'mywpsite_service'@'198.18.0.1';
CREATE USER 'mywpsite_service'@'batch01.serverlab.intra' IDENTIFIED VIA mysql_native_password USING '<hash of Secret default/site password>';
GRANT CREATE, DELETE, INDEX, INSERT, SELECT, UPDATE ON `MyWPSite`.* TO 'mywpsite_service'@'batch01.serverlab.intra';
GRANT SELECT (`body`) ON `Shared_Data`.`posts` TO 'mywpsite_service'@'batch01.serverlab.intra';
GRANT SELECT (`title`) ON `Shared_Data`.`posts` TO 'mywpsite_service'@'batch01.serverlab.intra';
CREATE USER 'mywpsite_service'@'web03.serverlab.intra' IDENTIFIED VIA mysql_native_password USING '<hash of Secret default/site password>';
GRANT CREATE, DELETE, INDEX, INSERT, SELECT, UPDATE ON `MyWPSite`.* TO 'mywpsite_service'@'web03.serverlab.intra';
GRANT SELECT (`body`) ON `Shared_Data`.`posts` TO 'mywpsite_service'@'web03.serverlab.intra';
GRANT SELECT (`title`) ON `Shared_Data`.`posts` TO 'mywpsite_service'@'web03.serverlab.intra';
